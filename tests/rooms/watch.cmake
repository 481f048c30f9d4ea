# Any bytes, cut anywhere, as a list, a watch or a document.
porter_fuzz(watch_item_fuzz DEPENDS watch)
# Any order of answers and time for one list-and-watch.
porter_fuzz(list_watch_fuzz DEPENDS watch)
