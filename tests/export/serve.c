/* A client that knows nothing of Python: loads SavedModels through TensorFlow's
 * C API, as TensorFlow Serving loads them, and answers the inputs it is given.
 *
 *     serve MODEL INPUTS OUTPUTS [MODEL INPUTS OUTPUTS ...]
 *
 * INPUTS holds, in the machine's byte order,
 *
 *     int32 number of inputs, then each: name, tensor
 *     int32 number of outputs, then each: name
 *
 * where a name is an int32 length and the characters of an operation's output
 * ("serving_default_x:0"), and a tensor is int32 TF_DataType, int32 rank, int64
 * dimensions, int64 bytes and the bytes; of strings, each is an int32 length and
 * the characters. OUTPUTS is written: a tensor of numbers for each output. Nothing is freed before the program ends but sessions.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tensorflow/c/c_api.h>
#include <tensorflow/c/tf_tstring.h>

enum { MAX_PORTS = 64, MAX_RANK = 16, MAX_STRING = 1024 };

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static void check(const char *what, TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) fail("%s: %s", what, TF_Message(status));
}

static FILE *open_file(const char *path, const char *mode) {
  FILE *file = fopen(path, mode);
  if (!file) fail("cannot open %s", path);
  return file;
}

static void read_bytes(FILE *file, void *data, size_t size) {
  if (fread(data, 1, size, file) != size) fail("the inputs end too early");
}

static int32_t read_int(FILE *file, int32_t largest) {
  int32_t value;
  read_bytes(file, &value, sizeof value);
  if (value < 0 || value > largest) fail("%d is not between 0 and %d", value, largest);
  return value;
}

static void write_bytes(FILE *file, const void *data, size_t size) {
  if (fwrite(data, 1, size, file) != size) fail("cannot write the outputs");
}

/* Reads "operation:index" and finds that output in the graph. */
static TF_Output read_port(FILE *file, TF_Graph *graph) {
  char name[1024] = "";
  read_bytes(file, name, (size_t)read_int(file, sizeof name - 1));
  char *colon = strrchr(name, ':');
  if (!colon) fail("%s has no index", name);
  *colon = '\0';
  TF_Output port = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (!port.oper) fail("the model has no operation %s", name);
  return port;
}

static void read_strings(FILE *file, TF_TString *strings, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    char text[MAX_STRING];
    int32_t length = read_int(file, MAX_STRING);
    read_bytes(file, text, (size_t)length);
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], text, (size_t)length);
  }
}

static TF_Tensor *read_tensor(FILE *file) {
  int64_t shape[MAX_RANK], bytes;
  TF_DataType type = (TF_DataType)read_int(file, INT32_MAX);
  int rank = read_int(file, MAX_RANK);
  read_bytes(file, shape, (size_t)rank * sizeof *shape);
  read_bytes(file, &bytes, sizeof bytes);
  if (type == TF_STRING) {
    int64_t count = 1;
    for (int axis = 0; axis < rank; axis++) count *= shape[axis];
    TF_Tensor *strings = TF_AllocateTensor(type, shape, rank, (size_t)count * sizeof(TF_TString));
    read_strings(file, TF_TensorData(strings), count);
    return strings;
  }
  TF_Tensor *tensor = TF_AllocateTensor(type, shape, rank, (size_t)bytes);
  read_bytes(file, TF_TensorData(tensor), (size_t)bytes);
  return tensor;
}

static void write_tensor(FILE *file, const TF_Tensor *tensor) {
  int32_t head[2] = {(int32_t)TF_TensorType(tensor), TF_NumDims(tensor)};
  write_bytes(file, head, sizeof head);
  for (int axis = 0; axis < head[1]; axis++) {
    int64_t size = TF_Dim(tensor, axis);
    write_bytes(file, &size, sizeof size);
  }
  int64_t bytes = (int64_t)TF_TensorByteSize(tensor);
  write_bytes(file, &bytes, sizeof bytes);
  write_bytes(file, TF_TensorData(tensor), (size_t)bytes);
}

static void serve(const char *model, const char *inputs, const char *outputs) {
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, model, tags, 1, graph, NULL, status);
  check(model, status);

  FILE *file = open_file(inputs, "rb");
  TF_Output in[MAX_PORTS], out[MAX_PORTS];
  TF_Tensor *fed[MAX_PORTS], *answers[MAX_PORTS];
  int fed_count = read_int(file, MAX_PORTS);
  for (int i = 0; i < fed_count; i++) {
    in[i] = read_port(file, graph);
    fed[i] = read_tensor(file);
  }
  int answer_count = read_int(file, MAX_PORTS);
  for (int i = 0; i < answer_count; i++) out[i] = read_port(file, graph);
  fclose(file);

  TF_SessionRun(session, NULL, in, fed, fed_count, out, answers, answer_count, NULL, 0, NULL,
                status);
  check(model, status);
  file = open_file(outputs, "wb");
  for (int i = 0; i < answer_count; i++) write_tensor(file, answers[i]);
  if (fclose(file)) fail("cannot write %s", outputs);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  check(model, status);
}

int main(int argc, char **argv) {
  if (argc < 4 || argc % 3 != 1) fail("usage: %s MODEL INPUTS OUTPUTS ...", argv[0]);
  for (int i = 1; i < argc; i += 3) serve(argv[i], argv[i + 1], argv[i + 2]);
  return 0;
}
