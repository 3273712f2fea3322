// Activation functions of networks.
export {};
