"""What devices and network servers send, byte by byte, written from their published layouts and from nothing of ours."""
