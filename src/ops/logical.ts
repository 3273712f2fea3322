// Logic and bits on integers and bool.
export {};
