// SPDX-License-Identifier: Apache-2.0
// The one place where Boost.URL is compiled: Debian ships its headers alone in a library we would
// otherwise not link.
#include <boost/url/src.hpp>
