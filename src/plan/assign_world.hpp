// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>

#include "plan/assign.hpp"

// The world around an Assigner, for its tests: the View, a recorder that answers when it is told
// to, and a restart at any moment.
namespace porter::plan::world {

inline constexpr std::string_view kClass = "network.kubesphere.io/porter";

[[nodiscard]] inline Address address(std::string_view text) {
  const Result<Address> parsed = Address::parse(text);
  PORTER_ASSERT(parsed.has_value());
  return *parsed;
}

[[nodiscard]] inline model::NamespacedName name_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  return {.ns = std::string{text.substr(0, slash)}, .name = std::string{text.substr(slash + 1)}};
}

[[nodiscard]] inline model::Eip eip(std::string name,
                                    std::initializer_list<std::string_view> ranges) {
  model::Eip eip;
  eip.meta.name.name = std::move(name);
  for (const std::string_view text : ranges)
    eip.addresses.push_back(*Range::parse(text));
  return eip;
}

// "shop/web": ours by class, IPv4, one port.
[[nodiscard]] inline model::Service service(std::string_view name, std::uint16_t port = 80) {
  model::Service service;
  service.meta.name = name_of(name);
  service.meta.uid = std::string{name};
  service.is_load_balancer = true;
  service.load_balancer_class = std::string{kClass};
  service.families = {Family::V4};
  service.ports.push_back({.name = {}, .port = port, .protocol = model::IpProtocol::Tcp});
  return service;
}

inline void ask_address(model::Service& service, std::string text) {
  service.meta.annotations["eip.porter.kubesphere.io/v1alpha1"] = std::move(text);
}
inline void ask_pool(model::Service& service, std::string text) {
  service.meta.annotations["eip.porter.kubesphere.io/v1alpha2"] = std::move(text);
}
inline void ask_protocol(model::Service& service, std::string text) {
  service.meta.annotations["protocol.porter.kubesphere.io/v1alpha1"] = std::move(text);
}
inline void share(model::Service& service, std::string key) {
  service.meta.annotations["network.kubesphere.io/share"] = std::move(key);
}

class World {
 public:
  World() { assigner_ = std::make_unique<Assigner>(view); }

  // Facts, as the Engine tells them.
  void put(const model::Service& service) {
    view.services[service.meta.name] = service;
    assigner_->service_changed(service.meta.name);
  }
  void drop_service(std::string_view name) {
    view.services.erase(name_of(name));
    assigner_->service_changed(name_of(name));
  }
  void edit(std::string_view name, const std::function<void(model::Service&)>& change) {
    model::Service service = view.services.at(name_of(name));
    change(service);
    put(service);
  }
  std::optional<model::Problem> put(const model::Eip& eip) {
    if (auto refused = assigner_->accepts(eip)) return refused;
    const std::string& name = eip.meta.name.name;
    const auto known = view.eips.find(name);
    const std::optional<model::Eip> before =
        known != view.eips.end() ? std::optional{known->second} : std::nullopt;
    view.eips[name] = eip;
    assigner_->eip_changed(name, before ? &*before : nullptr);
    return std::nullopt;
  }
  void drop_eip(const std::string& name) {
    const auto node = view.eips.extract(name);
    if (!node.empty()) assigner_->eip_changed(name, &node.mapped());
  }
  void label(const std::string& ns, model::StringMap labels) {
    model::Namespace& object = view.namespaces[ns];
    object.meta.name.name = ns;
    object.meta.labels = std::move(labels);
    assigner_->namespace_changed(ns);
  }
  void load(const model::EipAddress& record) {
    stored[record.address] = record;
    assigner_->record_loaded(record);
  }
  void reserve(std::string_view text, std::vector<model::Holder> services = {}) {
    model::EipAddress record;
    record.address = address(text);
    if (view.synced) {
      record.services = std::move(services);  // before, it would be a record of the store
      assigner_->record_edited(record.address, &record);
    } else {
      assigner_->record_loaded(record);
    }
  }
  void unreserve(std::string_view text) { assigner_->record_edited(address(text), nullptr); }
  void sync() {
    view.synced = true;
    assigner_->synced();
  }

  // Plans until there is nothing to do; the recorder does not answer.
  void plan(std::size_t budget = 1'000) {
    while (assigner_->has_work())
      step(budget);
  }
  void step(std::size_t budget) {
    Changes changes;
    assigner_->step(now, unix_now, budget, changes);
    for (Change& change : changes) {
      if (auto* const record = std::get_if<Record>(&change)) {
        writing.push_back(std::move(*record));
      } else if (auto* const notice = std::get_if<Notice>(&change)) {
        notices.push_back(std::move(*notice));
      }
    }
  }
  // The recorder writes what waits longest, and says so.
  bool write_one() {
    if (writing.empty()) return false;
    const Record record = std::move(writing.front());
    writing.pop_front();
    if (record.value) {
      stored[record.address] = *record.value;
    } else {
      stored.erase(record.address);
    }
    assigner_->recorded(record.address, record.revision);
    return true;
  }
  void run(std::size_t budget = 1'000) {
    if (!view.synced) sync();
    for (;;) {
      plan(budget);
      if (writing.empty()) return;
      while (write_one()) {
      }
    }
  }
  void pass(std::chrono::seconds time) {
    now += time;
    unix_now += time.count();
    if (now >= assigner_->deadline()) step(1'000);
    run();
  }

  // The process dies and starts again with what is stored. What was not yet written is lost.
  void restart() {
    writing.clear();
    view.synced = false;
    assigner_ = std::make_unique<Assigner>(view);
    for (const auto& [name, each] : view.eips)
      assigner_->eip_changed(name, nullptr);
    for (const auto& [at, record] : stored)
      assigner_->record_loaded(record);
    for (const auto& [name, each] : view.services)
      assigner_->service_changed(name);
    sync();
  }

  // What became of a Service: its addresses, else the reason; both where it keeps what it has.
  [[nodiscard]] std::string told(std::string_view name) const {
    const Assignment* const assignment = assigner_->of(name_of(name));
    if (assignment == nullptr) return "unknown";
    std::string text;
    for (const Assignment::Item& item : assignment->addresses)
      text += (text.empty() ? "" : " ") + to_string(item.address);
    const bool is_plain = assignment->reason == Reason::Assigned && !text.empty();
    if (is_plain) return text;
    return text + (text.empty() ? "" : " ") + std::string{to_string(assignment->reason)};
  }
  [[nodiscard]] const std::string& message(std::string_view name) const {
    return assigner_->of(name_of(name))->message;
  }
  [[nodiscard]] const std::string& fix_of(std::string_view name) const {
    return assigner_->of(name_of(name))->fix;
  }
  std::vector<std::string> take_notices() {
    std::vector<std::string> texts;
    for (const Notice& notice : std::exchange(notices, {}))
      texts.push_back(to_string(notice.about.name) + " " + notice.reason + " " + notice.message);
    return texts;
  }

  [[nodiscard]] Assigner& assigner() { return *assigner_; }
  [[nodiscard]] const Assigner& assigner() const { return *assigner_; }

  View view;
  std::map<Address, model::EipAddress> stored;
  std::deque<Record> writing;
  std::vector<Notice> notices;
  TimePoint now{std::chrono::hours{1}};
  std::int64_t unix_now = 1'700'000'000;

 private:
  std::unique_ptr<Assigner> assigner_;
};

}  // namespace porter::plan::world
