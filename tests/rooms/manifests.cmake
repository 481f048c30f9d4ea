porter_fuzz(yaml_fuzz DEPENDS manifests)
porter_fuzz(journal_fuzz DEPENDS manifests)
