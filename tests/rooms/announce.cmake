porter_fuzz(node_next_hop_fuzz DEPENDS plan)
