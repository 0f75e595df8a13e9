"""The programs of the control plane: how they are built from their published source."""
