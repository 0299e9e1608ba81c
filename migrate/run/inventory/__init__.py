"""Which machines: Ansible inventories and lists."""
