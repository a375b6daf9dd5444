mod codec;
mod large;
mod published;
mod sample;
