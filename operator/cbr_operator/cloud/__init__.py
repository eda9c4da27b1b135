"""The HTTP calls to the cloud: facts out, no judgement."""
