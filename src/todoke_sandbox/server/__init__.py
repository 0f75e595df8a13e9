"""The HTTP side: connections, requests and answers, who may do what, and the tables that kubectl prints."""
