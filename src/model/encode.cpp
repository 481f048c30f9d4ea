// SPDX-License-Identifier: Apache-2.0
#include "model/encode.hpp"

#include "model/time_text.hpp"

namespace porter::model {
namespace {

Tree to_tree(const Holder& holder) {
  Tree tree = Tree::map();
  tree.set("namespace", holder.service.ns).set("name", holder.service.name);
  if (!holder.uid.empty()) tree.set("uid", holder.uid);
  return tree;
}

Tree to_tree(const StringMap& map) {
  Tree tree = Tree::map();
  for (const auto& [key, value] : map)
    tree.set(key, value);
  return tree;
}

Tree metadata(const EipAddress& address) {
  Tree tree = Tree::map();
  tree.set("name", eip_address_name(address.address));
  if (!address.meta.labels.empty()) tree.set("labels", to_tree(address.meta.labels));
  if (!address.meta.annotations.empty()) tree.set("annotations", to_tree(address.meta.annotations));
  return tree;
}

}  // namespace

Tree to_tree(const EipAddress& address) {
  Tree spec = Tree::map();
  spec.set("address", to_string(address.address));
  if (!address.eip.empty()) spec.set("eip", address.eip);
  if (!address.share_key.empty()) spec.set("shareKey", address.share_key);
  if (!address.services.empty()) {
    Tree services = Tree::list();
    for (const Holder& holder : address.services)
      services.push(to_tree(holder));
    spec.set("services", std::move(services));
  }
  if (address.retain_until != 0) spec.set("retainUntil", format_time(address.retain_until));
  Tree document = Tree::map();
  document.set("apiVersion", "network.kubesphere.io/v1alpha2")
      .set("kind", "EipAddress")
      .set("metadata", metadata(address))
      .set("spec", std::move(spec));
  return document;
}

}  // namespace porter::model
