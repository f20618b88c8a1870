"""Another application: a shop that keeps orders in PostgreSQL, and prices them in jobs that RabbitMQ delivers."""
