porter_fuzz(kubeconfig_fuzz DEPENDS kube)
porter_fuzz(http_answer_fuzz DEPENDS kube)
