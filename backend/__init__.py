"""The report service that the image carries: an API and a worker in one package."""
