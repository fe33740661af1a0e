"""What moves: records, topics, stages, the logs they run on, and the program.

Read `streams.topology` first: one page that shows every topic and every stage.
"""
