import type { DescMethod, DescService } from "@bufbuild/protobuf";

/** Services and methods, as generated: `OrdersService`, `OrdersService.method.placeOrder`. */
export type MethodSelector = DescService | DescMethod;

/** As in `orders.v1.OrdersService/PlaceOrder`; two copies of generated code have different objects for the same schema. */
export function fullName(descriptor: MethodSelector): string {
  return descriptor.kind === "service" ? descriptor.typeName : `${descriptor.parent.typeName}/${descriptor.name}`;
}
