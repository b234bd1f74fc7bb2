"""The routes, one noun a module. Each module offers `routes`, and `api.app` puts them together."""
