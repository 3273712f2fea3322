// The error classes: what went wrong is in the class, which values and what would be right are in the message.

/** The root of every error that the library throws on purpose. */
export class TorchError extends Error {
  override name = "TorchError";
}

/** Sizes, strides or numbers of dimensions that do not fit the operation. */
export class ShapeError extends TorchError {
  override name = "ShapeError";
}

/** An element type that the operation does not take, or types that do not go together. */
export class DTypeError extends TorchError {
  override name = "DTypeError";
}

/** An index, a dimension or a target outside its range. */
export class IndexError extends TorchError {
  override name = "IndexError";
}

/** An argument of the wrong kind, an unknown option, or a value outside what the operation takes. */
export class ArgumentError extends TorchError {
  override name = "ArgumentError";
}

/** A use of the graph that has no gradient, or that would give a wrong one. */
export class AutogradError extends TorchError {
  override name = "AutogradError";
}

/** Gradients that `gradcheck` found wrong: both values are in the message. */
export class GradcheckError extends AutogradError {
  override name = "GradcheckError";
}

/** Memory or a device that cannot do what was asked. */
export class DeviceError extends TorchError {
  override name = "DeviceError";
}

/** A file or a state that cannot be read or written. */
export class SerializationError extends TorchError {
  override name = "SerializationError";
}
