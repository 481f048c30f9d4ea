porter_fuzz(restart_file_fuzz DEPENDS speaker)
