"""The HTTP API: `app.build` makes it, `server.HttpServer` serves it. Loaded only where it is asked for."""
