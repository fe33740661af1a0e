"""The same stages on Apache Kafka: topics, reading, publishing and the Faust workers."""
