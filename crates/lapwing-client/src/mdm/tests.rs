mod broken;
mod commands;
mod large;
mod world;
