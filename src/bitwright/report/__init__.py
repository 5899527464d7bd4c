"""What a reader gets of a study: terminal tables, one JSON object, one HTML page for offline use.

All of it is made from a `StudyView`. Importing this package loads neither torch nor plotly.
"""
