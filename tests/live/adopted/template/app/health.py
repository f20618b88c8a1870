"""The health check of the API's container."""

import urllib.request

if __name__ == "__main__":
    urllib.request.urlopen("http://127.0.0.1:8000/health/live", timeout=3)
