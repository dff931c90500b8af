//! Messages: graphs arrive as they were, what is not copied is found again, and what cannot travel is named
//! with the path to it. Heaps are made from nothing, with classes that have names; a resolver stands for the
//! image.

mod errors;
mod graphs;
mod identity;
mod values;
mod world;
