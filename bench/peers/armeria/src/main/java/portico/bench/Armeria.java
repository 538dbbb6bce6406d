package portico.bench;

import com.linecorp.armeria.server.Server;
import com.linecorp.armeria.server.grpc.GrpcService;
import io.grpc.stub.StreamObserver;
import java.util.Locale;
import name.v1.Name.ProcessNameRequest;
import name.v1.Name.ProcessNameResponse;
import name.v1.NameServiceGrpc.NameServiceImplBase;

/** Armeria with its defaults, and no decorators. */
final class Armeria {
    private static final class Names extends NameServiceImplBase {
        @Override
        public void processName(ProcessNameRequest request, StreamObserver<ProcessNameResponse> answer) {
            answer.onNext(ProcessNameResponse.newBuilder().setName(request.getName().toUpperCase(Locale.ROOT)).build());
            answer.onCompleted();
        }
    }

    public static void main(String[] arguments) {
        Server server = Server.builder()
            .http(0)
            .service(GrpcService.builder().addService(new Names()).build())
            .build();
        server.start().join();
        System.out.println("listening on port " + server.activeLocalPort());
    }
}
