porter_fuzz(bgp_message_fuzz DEPENDS bgp)
porter_fuzz(bgp_open_fuzz DEPENDS bgp)
porter_fuzz(bgp_update_fuzz DEPENDS bgp)
