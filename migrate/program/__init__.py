"""The node program from outside: its lines and their rollback, its files and units, its journal. What runs on the node is in node/."""
