//! Channels: what goes from one isolate to another, in order, with a bound. Not there yet.
