// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/result.hpp"

namespace porter::bgp {

// Keeps each distinct value once, under a 32-bit name: equal names are equal values. Counted; a
// name is given out again once nobody holds it. Id{0} names Value{}, which is always there and not
// counted. References from operator[] hold until the value is released.
template <class Id, class Value, class Hash>
class Interner {
 public:
  struct Interned {
    Id id{};
    bool created = false;  // the owner now also holds what is inside the value
  };

  Interner() : index_(0, HashOf{&entries_}, Equal{&entries_}) {
    entries_.push_back(Entry{.value = Value{}, .references = 1});
    index_.insert(Id{0});
  }
  Interner(const Interner&) = delete;
  Interner& operator=(const Interner&) = delete;
  ~Interner() = default;

  // The caller holds one reference more.
  Interned intern(const Value& value) {
    if (const auto found = index_.find(value); found != index_.end()) {
      retain(*found);
      return {.id = *found};
    }
    const Id id = add(value);
    index_.insert(id);
    return {.id = id, .created = true};
  }

  void retain(Id id, std::uint32_t times = 1) {
    if (id != Id{0}) entry(id).references += times;
  }

  // What was named, when that was the last reference.
  std::optional<Value> release(Id id) {
    if (id == Id{0} || --entry(id).references > 0) return std::nullopt;
    index_.erase(id);
    free_.push_back(id);
    return std::exchange(entries_[position(id)].value, Value{});
  }

  [[nodiscard]] const Value& operator[](Id id) const { return entries_[position(id)].value; }
  [[nodiscard]] std::size_t size() const { return index_.size() - 1; }  // without Value{}

 private:
  struct Entry {
    Value value;
    std::uint32_t references = 0;
  };
  using Entries = std::deque<Entry>;

  static std::size_t position(Id id) {
    return static_cast<std::size_t>(static_cast<std::underlying_type_t<Id>>(id));
  }

  struct HashOf {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    const Entries* entries;
    std::size_t operator()(Id id) const { return Hash{}((*entries)[position(id)].value); }
    std::size_t operator()(const Value& value) const { return Hash{}(value); }
  };
  struct Equal {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    const Entries* entries;
    bool operator()(Id left, Id right) const { return left == right; }
    bool operator()(const Value& value, Id id) const {
      return (*entries)[position(id)].value == value;
    }
    bool operator()(Id id, const Value& value) const { return (*this)(value, id); }
  };

  Entry& entry(Id id) {
    Entry& found = entries_[position(id)];
    PORTER_ASSERT(found.references > 0);
    return found;
  }

  Id add(const Value& value) {
    if (free_.empty()) {
      entries_.push_back(Entry{.value = value, .references = 1});
      return static_cast<Id>(entries_.size() - 1);
    }
    const Id id = free_.back();
    free_.pop_back();
    entries_[position(id)] = Entry{.value = value, .references = 1};
    return id;
  }

  Entries entries_;
  std::vector<Id> free_;
  boost::unordered_flat_set<Id, HashOf, Equal> index_;
};

}  // namespace porter::bgp
