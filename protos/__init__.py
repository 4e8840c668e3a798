"""The contract between the services, and the code generated from it (`make protos`)."""
