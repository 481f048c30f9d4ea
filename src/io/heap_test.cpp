// SPDX-License-Identifier: Apache-2.0
#include "io/heap.hpp"

#include <algorithm>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace porter::io {
namespace {

std::size_t resident_pages() {
  std::size_t size = 0;
  std::size_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> size >> resident;
  return resident;
}

TEST(Heap, GivesBackWhatLiesFreeBetweenWhatIsInUse) {
  if (::mallinfo2().arena == 0) GTEST_SKIP() << "a sanitizer has a heap of its own";
  std::vector<std::unique_ptr<char[]>> pieces;
  for (int i = 0; i < 4'000; ++i) {
    pieces.push_back(std::make_unique<char[]>(16'384));
    std::fill_n(pieces.back().get(), 16'384, 'x');
  }
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
    pieces[i].reset();  // the last one keeps the end of the heap where it is
  const std::size_t before = resident_pages();
  EXPECT_TRUE(give_back_memory_now());
  EXPECT_LT(resident_pages() + 10'000, before);  // of 16,000
}

}  // namespace
}  // namespace porter::io
