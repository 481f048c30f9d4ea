// SPDX-License-Identifier: Apache-2.0
#include "speaker/restart_peer.hpp"

#include <algorithm>
#include <concepts>
#include <limits>
#include <string_view>
#include <utility>

namespace porter::speaker {
namespace {

constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();  // of anything counted

// Writer and Reader have the same words, so that walk() below names each field once for both.
class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& out) : out_{out}, writer_{out} {}

  template <std::unsigned_integral T>
  void operator()(const T& value) {
    writer_.put(value);
  }
  void operator()(const bool& value) { writer_.put(static_cast<std::uint8_t>(value ? 1 : 0)); }
  void operator()(const std::string& text) {
    const std::string_view kept = std::string_view{text}.substr(0, kMost);
    writer_.put(static_cast<std::uint16_t>(kept.size()));
    out_.insert(out_.end(), kept.begin(), kept.end());
  }
  void operator()(const Address& address) {
    writer_.put(static_cast<std::uint8_t>(address.octets().size()));
    out_.insert(out_.end(), address.octets().begin(), address.octets().end());
  }
  void operator()(const Prefix& prefix) {
    (*this)(prefix.address());
    writer_.put(static_cast<std::uint8_t>(prefix.length()));
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    (*this)(value.has_value());
    if (value) (*this)(*value);
  }
  void operator()(const std::vector<Address>& addresses) {
    const auto count = static_cast<std::uint16_t>(std::min(addresses.size(), kMost));
    writer_.put(count);
    for (std::size_t i = 0; i < count; ++i)
      (*this)(addresses[i]);
  }
  template <class Enum>
  void choice(const Enum& value, Enum /*last*/) {
    writer_.put(static_cast<std::uint8_t>(value));
  }
  template <class Enum>
  void maybe_choice(const std::optional<Enum>& value, Enum last) {
    (*this)(value.has_value());
    if (value) choice(*value, last);
  }

 private:
  std::vector<std::uint8_t>& out_;
  ByteWriter writer_;
};

class Reader {
 public:
  explicit Reader(Bytes record) : in_{record} {}
  [[nodiscard]] bool is_whole() const { return ok_ && in_.ok() && in_.remaining() == 0; }

  template <std::unsigned_integral T>
  void operator()(T& value) {
    value = in_.take<T>();
  }
  void operator()(bool& value) { value = octet_up_to(1) == 1; }
  void operator()(std::string& text) {
    const Bytes octets = in_.take_bytes(in_.take<std::uint16_t>());
    text.assign(octets.begin(), octets.end());
  }
  void operator()(Address& address) {
    const auto size = in_.take<std::uint8_t>();
    const Bytes octets = in_.take_bytes(size);
    ok_ = ok_ && (octets.size() == 4 || octets.size() == 16);
    if (!ok_) return;
    Address::Octets whole{};
    std::ranges::copy(octets, whole.begin());
    address = size == 4 ? Address::v4(octets.first<4>()) : Address::v6(whole);
  }
  void operator()(Prefix& prefix) {
    Address first;
    (*this)(first);
    const auto length = octet_up_to(static_cast<std::uint8_t>(bits_of(first.family())));
    prefix = Prefix{first, length};
    ok_ = ok_ && prefix.address() == first;  // no host bits
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    bool is_there = false;
    (*this)(is_there);
    if (is_there) (*this)(value.emplace());
  }
  void operator()(std::vector<Address>& addresses) {
    const auto count = in_.take<std::uint16_t>();
    for (std::size_t i = 0; i < count && ok_ && in_.ok(); ++i)
      (*this)(addresses.emplace_back());
  }
  template <class Enum>
  void choice(Enum& value, Enum last) {
    value = static_cast<Enum>(octet_up_to(static_cast<std::uint8_t>(last)));
  }
  template <class Enum>
  void maybe_choice(std::optional<Enum>& value, Enum last) {
    bool is_there = false;
    (*this)(is_there);
    if (is_there) choice(value.emplace(), last);
  }

 private:
  std::uint8_t octet_up_to(std::uint8_t last) {
    const auto value = in_.take<std::uint8_t>();
    ok_ = ok_ && value <= last;
    return ok_ ? value : std::uint8_t{0};
  }

  ByteReader in_;
  bool ok_ = true;
};

// Bindings name every member: a new one does not compile before it has its place here, and
// kPeerLayout its next number. `Value` is const where it is written.
template <class Codec, class Value>
void walk_families(Codec& codec, Value& families) {
  auto& [v4, v6] = families;
  codec(v4);
  codec(v6);
}

template <class Codec, class Value>
void walk_open(Codec& codec, Value& open) {
  auto& [local_as, remote_as, id, hold_time, families, add_path_send, add_path_receive,
         restart_families, restart_time, restart_notification, long_lived_time, extended_next_hop,
         role] = open;
  codec(local_as.number);
  codec(remote_as.number);
  codec(id.bits);
  codec(hold_time);
  walk_families(codec, families);
  walk_families(codec, add_path_send);
  walk_families(codec, add_path_receive);
  walk_families(codec, restart_families);
  codec(restart_time);
  codec(restart_notification);
  codec(long_lived_time);
  codec(extended_next_hop);
  codec.maybe_choice(role, bgp::Role::Peer);
}

template <class Codec, class Value>
void walk_received(Codec& codec, Value& received) {
  auto& [local_as, allow_own_as, max_v4, max_v6, when_full, own_addresses, own_id, remote_as,
         role] = received;
  codec(local_as.number);
  codec(allow_own_as);
  codec(max_v4);
  codec(max_v6);
  codec.choice(when_full, bgp::AdjRibIn::WhenFull::Cease);
  codec(own_addresses);
  codec(own_id.bits);
  codec(remote_as.number);
  codec.maybe_choice(role, bgp::Role::Peer);
}

template <class Codec, class Value>
void walk_encoding(Codec& codec, Value& encoding) {
  auto& [kind, local_as, as_width, message_size, families, add_path, extended_next_hop, send_max_v4,
         send_max_v6, mode, self_v4, self_v6, shared_v4, shared_v6, exclude, speaker,
         only_to_customer, graceful_shutdown, audience, budget] = encoding;
  codec.choice(kind, bgp::PeerKind::External);
  codec(local_as.number);
  codec.choice(as_width, bgp::AsWidth::Four);
  codec(message_size);
  walk_families(codec, families);
  walk_families(codec, add_path);
  codec(extended_next_hop);
  codec(send_max_v4);
  codec(send_max_v6);
  codec.choice(mode, bgp::Encoding::Mode::Self);
  codec(self_v4);
  codec(self_v6);
  codec(shared_v4);
  codec(shared_v6);
  codec(exclude);
  codec(speaker);
  codec(only_to_customer);
  codec(graceful_shutdown);
  codec(audience);
  codec(budget);
}

template <class Codec, class Value>
void walk_config(Codec& codec, Value& config) {
  auto& [open, dial, connect_retry, keepalive, admin_down, shutdown_text, received, helper,
         encoding, single_hop, jitter_seed] = config;
  walk_open(codec, open);
  codec.choice(dial, bgp::PeerConfig::Dial::Passive);
  codec(connect_retry);
  codec(keepalive);
  codec(admin_down);
  codec(shutdown_text);
  walk_received(codec, received);
  codec(helper);
  walk_encoding(codec, encoding);
  codec(single_hop);
  codec(jitter_seed);
}

template <class Codec, class Value>
void walk_spec(Codec& codec, Value& spec) {
  auto& [config, neighbor, zone, neighbor_prefix, neighbor_limit, remote_port, local_address,
         password, ttl, min_ttl, port_forward] = spec;
  walk_config(codec, config);
  codec(neighbor);
  codec(zone);
  codec(neighbor_prefix);
  codec(neighbor_limit);
  codec(remote_port);
  codec(local_address);
  codec(password);
  codec(ttl);
  codec(min_ttl);
  codec(port_forward);
}

template <class Codec, class Value>
void walk_listen(Codec& codec, Value& listen) {
  auto& [port, addresses] = listen;
  codec(port);
  codec(addresses);
}

}  // namespace

void put_peer(const std::string& name, const plan::PeerSpec& spec, std::vector<std::uint8_t>& out) {
  Writer writer{out};
  writer(name);
  walk_spec(writer, spec);
}

std::optional<NamedPeer> take_peer(Bytes record) {
  Reader reader{record};
  NamedPeer peer;
  reader(peer.name);
  walk_spec(reader, peer.spec);
  if (!reader.is_whole()) return std::nullopt;
  return peer;
}

void put_listen(const plan::ListenSpec& listen, std::vector<std::uint8_t>& out) {
  Writer writer{out};
  walk_listen(writer, listen);
}

std::optional<plan::ListenSpec> take_listen(Bytes record) {
  Reader reader{record};
  plan::ListenSpec listen;
  walk_listen(reader, listen);
  if (!reader.is_whole()) return std::nullopt;
  return listen;
}

}  // namespace porter::speaker
