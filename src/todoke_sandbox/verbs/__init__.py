"""The verbs of the API as functions: what HTTP clients and controllers do to objects goes through here."""
