// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

// The syntax of names in Kubernetes, and what somebody who mistyped one may have meant.
namespace porter::model {

[[nodiscard]] bool is_dns_label(std::string_view text);      // RFC 1123, at most 63
[[nodiscard]] bool is_dns_subdomain(std::string_view text);  // labels and dots, at most 253
[[nodiscard]] bool is_label_key(std::string_view text);      // "app", "example.com/app"
[[nodiscard]] bool is_label_value(std::string_view text);    // may be empty
// A Linux network interface: 1 to 15 octets, no blank, '/' or ':'; neither "." nor "..".
[[nodiscard]] bool is_interface_name(std::string_view text);

// The candidate that takes the fewest edits, if that is at most a third of the text; else empty.
// The case of letters does not count as an edit.
[[nodiscard]] std::string_view nearest(std::string_view text,
                                       std::span<const std::string_view> candidates);

// "a", "a or b", "a, b or c".
[[nodiscard]] std::string one_of(std::span<const std::string_view> words);

// As Kubernetes quotes a key that may have dots: "metadata.annotations[example.com/x]".
[[nodiscard]] std::string annotation_field(std::string_view key);

}  // namespace porter::model
