"""The store as a server of the Model Context Protocol, on either major line of the official SDK."""
