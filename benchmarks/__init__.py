"""What `make bench` runs: speed, memory, residues and start-up of medcli beside others, as ratios of one run."""
