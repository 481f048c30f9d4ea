// SPDX-License-Identifier: Apache-2.0
#include "kube/listing.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "watch/item_stream.hpp"

namespace porter::kube {

io::Task<Result<void>> list(Client& client, Resource resource,
                            std::function<void(const Tree&)> each) {
  std::string next;
  for (std::size_t page = 0; page < kMostPages; ++page) {
    Request request;
    request.path = fmt::format("{}?limit={}", collection_path(resource, {}), kPage);
    if (!next.empty()) request.path += "&continue=" + percent_encoded(next);
    const Result<Response> answer = co_await client.send(std::move(request));
    if (!answer) co_return Failure<>{answer.error()};
    if (!answer->is_ok()) co_return Failure<>{refusal(api_status(*answer))};
    const Result<Tree> tree = watch::parse_json(answer->body);
    if (!tree) co_return Failure<>{tree.error()};
    for (const Tree& item : (*tree)["items"].items())
      each(item);
    next = tree->at_path("metadata.continue").text();
    if (next.empty()) co_return Result<void>();
  }
  co_return fail(Errc::Exhausted,
                 fmt::format("more than {} {}", kMostPages * kPage, words(resource)));
}

}  // namespace porter::kube
