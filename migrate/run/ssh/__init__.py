"""Reaching nodes: SSH by paramiko or the ssh program, host keys, root."""
