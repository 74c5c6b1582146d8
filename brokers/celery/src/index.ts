/** The Celery broker: a full member of a Celery cluster on RabbitMQ or Redis. */
