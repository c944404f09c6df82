# The official TensorFlow Serving on an export of `run_network.py --export saved_model --output-dir exported/gansformer`.
#
#   docker build --file docker/serve.Dockerfile --build-context export=exported/gansformer --tag gansformer-tf:serve .
#   docker run --rm --publish 8500:8500 --publish 8501:8501 gansformer-tf:serve

# The release that tensorflow-serving-api and TensorFlow of the export have too.
FROM tensorflow/serving:2.21.0
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV MODEL_NAME=gansformer \
    MODEL_BASE_PATH=/models
# The build context "export" is the folder of the versions 1, 2, ...
COPY --from=export . /models/gansformer
USER 10001:10001
# 8500: gRPC, 8501: REST
EXPOSE 8500 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s \
  CMD exec 3<>/dev/tcp/127.0.0.1/8501 \
   && printf 'GET /v1/models/%s HTTP/1.0\r\n\r\n' "$MODEL_NAME" >&3 \
   && grep --quiet '"AVAILABLE"' <&3
