"""sgd-doctor inside other tools; each module needs the library that it is named after, and no other does."""
