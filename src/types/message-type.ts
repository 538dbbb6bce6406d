import type { DescService, Message } from "@bufbuild/protobuf";

/** How a message goes from its protobuf form to its domain type, and back. The generator writes one for each. */
export interface MessageType<M extends Message, Value, Init> {
  /** @throws DomainValueError with the way to the field that does not fit */
  fromMessage(message: M): Value;
  /** @throws DomainValueError with the way to the field that does not fit */
  toMessage(value: Init): M;
}

/** What a method takes and answers in domain types; without, it is the protobuf message itself. */
export interface MethodTypes {
  readonly input?: MessageType<Message, unknown, unknown>;
  readonly output?: MessageType<Message, unknown, unknown>;
}

/** A service with the domain types of its messages. The generator writes one for each service that has any. */
export interface ServiceTypes<S extends DescService, T extends Readonly<Record<string, MethodTypes>>> {
  readonly desc: S;
  /** By the names of methods as handlers and clients have them. Those without domain types are left out. */
  readonly methods: T;
}
