// SPDX-License-Identifier: Apache-2.0
#include "speaker/port_forward.hpp"

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using Redirects = std::vector<io::Redirect>;

io::Redirect from(std::uint32_t bits) {
  return {.source = Prefix::host(Address::v4(bits)), .interface = "", .from = 179, .to = 1790};
}

// A packet filter that may refuse.
struct Filter {
  std::vector<Redirects> history;
  std::string refusal;
  std::vector<std::string> said;
  [[nodiscard]] PortForward::Set set() {
    return [this](const Redirects& redirects) -> Result<void> {
      history.push_back(redirects);
      if (refusal.empty()) return {};
      return fail(Errc::Unavailable, refusal);
    };
  }
  [[nodiscard]] PortForward::Say say() {
    return [this](const std::string& warning) { said.push_back(warning); };
  }
};

TEST(PortForward, TakesAwayWhatAnEarlierRunLeft) {
  asio::io_context context{1};
  Filter filter;
  const PortForward forward{context.get_executor(), filter.set(), filter.say()};
  ASSERT_EQ(filter.history.size(), 1U);
  EXPECT_TRUE(filter.history.front().empty());
}

TEST(PortForward, SaysNothingOfAFilterThatNobodyNeeds) {
  asio::io_context context{1};
  Filter filter;
  filter.refusal = "not permitted";
  const PortForward forward{context.get_executor(), filter.set(), filter.say()};
  EXPECT_TRUE(filter.said.empty());
  EXPECT_TRUE(forward.error().empty());
}

TEST(PortForward, TellsTheKernelOnlyWhatIsNew) {
  asio::io_context context{1};
  Filter filter;
  PortForward forward{context.get_executor(), filter.set(), filter.say()};
  forward.want({from(2), from(1)});
  forward.want({from(1), from(2)});
  ASSERT_EQ(filter.history.size(), 2U);
  EXPECT_EQ(filter.history.back(), (Redirects{from(1), from(2)}));
  forward.want({});
  EXPECT_EQ(filter.history.back(), Redirects{});
}

TEST(PortForward, SaysARefusalOnceAndShowsItUntilItIsOver) {
  asio::io_context context{1};
  Filter filter;
  PortForward forward{context.get_executor(), filter.set(), filter.say()};
  filter.refusal = "not permitted";
  forward.want({from(1)});
  forward.want({from(2)});
  EXPECT_EQ(filter.said, std::vector<std::string>{"portForward: not permitted"});
  EXPECT_EQ(forward.error(), "not permitted");
  filter.refusal.clear();
  forward.want({from(1)});
  EXPECT_EQ(filter.said.back(), "portForward: works again");
  EXPECT_TRUE(forward.error().empty());
}

}  // namespace
}  // namespace porter::speaker
