// SPDX-License-Identifier: Apache-2.0
#include "model/bgp_wish.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "model/names.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kCommunities = "network.kubesphere.io/communities";
constexpr std::string_view kLocalPreference = "network.kubesphere.io/local-preference";
constexpr std::string_view kMed = "network.kubesphere.io/med";
constexpr std::string_view kPrepend = "network.kubesphere.io/prepend";
constexpr std::size_t kMostCommunities = 64;
constexpr std::uint32_t kMostPrepended = 32;  // as `prepend` of BgpAdvertisement

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

void warn(std::string_view key, std::string message, std::vector<Problem>& problems) {
  problems.push_back(Problem{.severity = Problem::Severity::Warning,
                             .reason = "InvalidRequest",
                             .field = annotation_field(key),
                             .message = std::move(message)});
}

std::optional<std::uint32_t> read_number(const Meta& service, std::string_view key,
                                         std::uint32_t most, std::vector<Problem>& problems) {
  const std::string* const value = service.annotation(key);
  if (value == nullptr) return std::nullopt;
  const std::string_view text = trimmed(*value);
  std::uint32_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc{} && end == last && number <= most) return number;
  warn(key, fmt::format("{}: ignored; must be a whole number from 0 to {}", shown(text), most),
       problems);
  return std::nullopt;
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

void read_communities(std::string_view list, BgpWish& wish, std::vector<Problem>& problems) {
  std::size_t count = 0;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view word = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (word.empty()) continue;
    if (++count > kMostCommunities)
      return warn(kCommunities, fmt::format("more than {}: the rest is ignored", kMostCommunities),
                  problems);
    const Result<Community> community = parse_community(word);
    if (!community) {
      warn(kCommunities, fmt::format("ignored: {}", community.error().message), problems);
    } else if (const auto* const large = std::get_if<LargeCommunity>(&*community)) {
      wish.large_communities.push_back(*large);
    } else {
      wish.communities.push_back(std::get<std::uint32_t>(*community));
    }
  }
}

}  // namespace

BgpWish bgp_wish_of(const Meta& service, std::vector<Problem>& problems) {
  static constexpr std::uint32_t kAny = 4'294'967'295;
  BgpWish wish;
  if (const std::string* const list = service.annotation(kCommunities))
    read_communities(*list, wish, problems);
  sort_unique(wish.communities);
  sort_unique(wish.large_communities);
  wish.local_preference = read_number(service, kLocalPreference, kAny, problems);
  wish.med = read_number(service, kMed, kAny, problems);
  if (const auto prepend = read_number(service, kPrepend, kMostPrepended, problems))
    wish.prepend = static_cast<std::uint8_t>(*prepend);
  return wish;
}

}  // namespace porter::model
