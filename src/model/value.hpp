// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/complaints.hpp"
#include "model/schema.hpp"

namespace porter::model {

// Where a value stands: its path as its author would write it ("spec.afiSafis[0].config"), and its
// tree.
struct Place {
  std::string path;
  const Tree& tree;
};

// The value of a field of a leaf type, checked. None: absent in meaning (an empty text), or
// refused, and then the complaints say why.
[[nodiscard]] std::optional<Value> read_value(const Place& place, const Field& field,
                                              Complaints& complaints);

// A metav1.LabelSelector, strictly.
[[nodiscard]] std::optional<Selector> read_selector(const Place& place, Complaints& complaints);
// The same, or OpenELB's plain map of labels.
[[nodiscard]] std::optional<Selector> read_selector_or_map(const Place& place,
                                                           Complaints& complaints);

// The parts that the decoders of all kinds share. None: the tree is not of that type.
[[nodiscard]] std::optional<std::int64_t> integer_of(const Tree& tree);
[[nodiscard]] std::string found(const Tree& tree);  // "the text \"abc\"", "a list": for a message

// "spec.confg: unknown field, did you mean spec.conf?" `names`: the known names beside it.
void complain_unknown(const std::string& parent, const Tree::Entry& entry,
                      std::span<const std::string_view> names, Complaints& complaints);
[[nodiscard]] std::string join_path(const std::string& parent, std::string_view name);

}  // namespace porter::model
