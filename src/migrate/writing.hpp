// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "migrate/migrate.hpp"
#include "model/eip.hpp"

// What both translations share: documents of ours, notes with their place, Services that hold
// addresses.
namespace porter::migrate {

[[nodiscard]] std::string object_name(const Tree& document);  // "BGPPeer tor"
void note(Migration& out, const Source& source, std::string words);

// {apiVersion, kind, metadata.name, spec}
[[nodiscard]] Tree of_ours(std::string_view kind, std::string_view name, Tree spec);

// The items of a List, as kubectl prints several objects, become documents in their own right.
[[nodiscard]] std::vector<Source> unpacked(const std::vector<Source>& sources);

using Pins = std::map<Address, model::EipAddress>;
// Service `source` holds `address` of the pool `eip`. Without a uid nothing can be pinned: noted.
void pin(const Source& source, const Address& address, const std::string& eip,
         const std::string& share_key, Pins& pins, Migration& out);
void write_pins(const Pins& pins, Migration& out);

// The addresses that a Service of type LoadBalancer shows.
[[nodiscard]] std::vector<Address> addresses_of(const Tree& service);

}  // namespace porter::migrate
