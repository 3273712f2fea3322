// Linear layers and products written with indices.
export {};
